"""The process of the running sensor."""
