"""Texts that a stranger could type wherever a page takes one."""

HOSTILE = (
    "' OR 1=1 --",
    "'; DROP TABLE alerts; --",
    "1) UNION SELECT password FROM babamul_users --",
    "%s %(survey)s {0} {{7*7}} ${7*7}",
    "\\' \\\" \\x00",
    "a\x00b",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "<script>alert(1)</script>",
    "٣٤٥ 𝟙𝟚 ½",
    "1e999 -1e999",
    "nan nan",
    "9" * 4301,
    "-" * 10_000,
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ".*(a+)+$",
    "%_\\%",
)
