"""The audition deck: listening to clips, one after another, and keeping or rejecting them."""
