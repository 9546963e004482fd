"""OPERATIONS: what people do. One transaction, one permission check, one log entry each."""
