"""The simulated Yandex.Tracker: the made-up company in the words of its API."""
