"""placeholder"""


def try_() -> None: ...
