"""The words: chapters in two languages, the claims that prove their numbers, a glossary and a quiz."""
