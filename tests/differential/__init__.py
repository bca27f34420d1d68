"""The same stories on the account in memory and on the embedded AWS come to the same ledger."""
