# Host names: A and AAAA records, asked for inside the loop (RFC 1035). It loads when a program first uses a name.
#
# `mgr.resolve` and `mgr.connect` come to the Resolver in resolver.py: it has its cache, asks the system for what need not be asked
# (port/names.py), and asks by UDP, or by stream.py if an answer is truncated; packets.py makes and reads the messages. core/dialer.py
# connects to what it has found.
