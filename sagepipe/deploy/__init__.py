"""What is wanted, what is deployed, and the plan between them."""
