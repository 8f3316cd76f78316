"""An ingester: reads its devices, numbers packets, sends them to the workers of their leases, and keeps them until they are settled."""
