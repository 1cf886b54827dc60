"""What is wanted against what is deployed, and the way from one to the other."""
