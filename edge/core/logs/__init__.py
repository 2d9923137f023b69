"""What people read on a terminal or in the journal: no secret, no control character, no flood."""
