"""What operators' programs ask: is it ready, how does it do. Liveness is a page of its own, which asks nobody."""
