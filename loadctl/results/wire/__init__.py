"""What is read and written: each form declared once."""
