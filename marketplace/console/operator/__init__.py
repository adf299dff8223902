"""Pages and operations of those who run the installation."""
