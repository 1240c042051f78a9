# Host names: A and AAAA records, asked for inside the loop (RFC 1035). It loads when a program first uses a name.
#
# `mgr.resolve` and `mgr.connect` come to the Resolver in resolver.py: it knows from servers.py what need not be asked, has its cache, and
# asks by UDP, or by TCP if an answer is truncated; packets.py makes and reads the messages. connect.py connects to what it has found.
