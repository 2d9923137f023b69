"""What leaves the sensor."""
