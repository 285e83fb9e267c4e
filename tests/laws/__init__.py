"""Does each pure module keep its laws?"""
