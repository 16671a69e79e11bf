"""A run as metrics, in OpenMetrics' form. Record → str."""
