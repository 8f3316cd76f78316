"""What every process of a pipeline has around its service: its loop, mailbox and place in the pipeline, its signs of life, its guard."""
