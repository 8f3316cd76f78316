"""What users write: rules, factories, watchers."""
