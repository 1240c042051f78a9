# The modules that read queries and bodies, and that write JSON: each loads when it is first asked for. Workers must not import, so the loop
# asks first, for a route that has workers.
from ..http.lazy import Parts

readers = Parts("mungo.http", ("form", "form_reader", "json_reader", "json_writer"))
