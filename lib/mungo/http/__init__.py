parser = plain = scan_viper = server = stream = None
