"""Forms that CI systems read. Record → str."""
