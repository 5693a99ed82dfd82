"""Programs in answers: the last Python block, however it is fenced."""

import pytest

from r1v.scoring import extract_program


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        ("```python\nprint(1)\n```", "print(1)\n"),
        ("```\nprint(1)\n```\nbut better:\n```py\nprint(2)\n```", "print(2)\n"),
        ("```text\n1 2 3\n```\n```python\nprint(3)\n```", "print(3)\n"),
        ("```cpp\nint main(){}\n```\nin Python\n```Python3\nprint(4)\n```\n```text\n4\n```", "print(4)\n"),
        ("```python\r\nprint(5)\r\n```\r\n", "print(5)\n"),
        ('```python title="a.py" {1}\nprint(6)\n```', "print(6)\n"),
        ("1. So:\n   ```python\n   if x:\n       print(7)\n   ```", "if x:\n    print(7)\n"),
        ("~~~python\nprint(8)\n~~~", "print(8)\n"),
        ('````python\ns = """\n```\n"""\n````', 's = """\n```\n"""\n'),
        ("```python\nprint(9)\n```\n```python\nprint(", "print(9)\n"),
        ("no code", None),
        ("```python\n```", None),
    ],
)
def test_programs(answer: str, program: str | None) -> None:
    assert extract_program(answer) == program
