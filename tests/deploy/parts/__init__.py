"""What a machine under test is given: a package, a sound card, a camera."""
