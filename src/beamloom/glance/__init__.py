"""What is seen of packets at a glance: their values as plain JSON, their arrays as thumbnails, a page with both."""
