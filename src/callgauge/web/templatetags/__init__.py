"""What templates may use beside what Django has."""
