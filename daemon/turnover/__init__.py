"""What is handed to editorial for a roll: names, ALE, record and report, as pure functions of the roll."""
