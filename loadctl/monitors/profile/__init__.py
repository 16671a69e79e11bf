"""Where the system's processes spend their CPU, by py-spy."""
