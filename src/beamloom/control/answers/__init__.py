"""What the controller answers over HTTP: one file for each matter that is asked about, and the forms of the answers."""
