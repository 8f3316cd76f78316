"""What workers call, and how."""
