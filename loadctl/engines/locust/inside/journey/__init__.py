"""What a user of a user type does: requests, and the values in and out of them."""
