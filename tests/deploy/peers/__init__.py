"""What a fleet talks to, started for real: brokers, PostgreSQL, Telegraf."""
