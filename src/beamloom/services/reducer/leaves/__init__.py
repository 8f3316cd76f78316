"""A reducer that is split: leaves reduce parts of the results in processes of their own, and what they publish is joined."""
