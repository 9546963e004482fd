"""Rules over all customers at once: statements the database answers, and an interpreter of the same trees."""
