def unique_id():
    return b"1234"
