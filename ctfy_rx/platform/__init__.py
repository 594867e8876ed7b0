"""What is asked of the platform beside its stream: who am I, and the activity log."""
