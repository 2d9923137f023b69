"""What goes over a connection: received and posted messages, and the limits a broker sets them."""
