"""Looking at pages as a person does."""
