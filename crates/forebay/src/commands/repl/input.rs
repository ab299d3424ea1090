//! Whether what was typed is a whole text of JavaScript, or goes on in the next line. A lexer knows enough for that: what
//! is no JavaScript at all is whole, so that the session can say what is wrong with it.

/// Words behind which a slash begins a regular expression.
const BEFORE_VALUE: [&str; 14] = [
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "void",
    "delete",
    "throw",
    "new",
    "else",
    "do",
    "await",
    "yield",
    "instanceof",
];

/// What a text is in the middle of, at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Code, with nothing open.
    Nothing,
    /// Code, with a bracket that is not closed or an operator that waits for its operand.
    Expression,
    /// A string in quotes of this kind.
    String(char),
    /// The text of a template.
    Template,
    /// A comment `/* .. */`.
    Comment,
}

/// A string ends with its line, all else that is open goes on.
pub(super) fn goes_on(text: &str) -> bool {
    match inside(text) {
        Inside::Nothing => false,
        Inside::String(_) => text.ends_with('\\'),
        Inside::Expression | Inside::Template | Inside::Comment => true,
    }
}

/// Where the text ends.
pub(super) fn inside(text: &str) -> Inside {
    let mut scan = Scan {
        rest: text.chars().peekable(),
        open: Vec::new(),
        last: None,
        word: String::new(),
        is_apart: false,
    };
    scan.run()
}

struct Scan<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    /// Closing brackets that are awaited, innermost last; a backtick stands for the template around a substitution.
    open: Vec<char>,
    /// The last character that means something, and the one before it where both are of one operator.
    last: Option<(Option<char>, char)>,
    /// The word that ends with it, and whether there is a blank behind it.
    word: String,
    is_apart: bool,
}

impl Scan<'_> {
    fn run(&mut self) -> Inside {
        while let Some(c) = self.rest.next() {
            let ended = match c {
                '\'' | '"' => self.string(c),
                '`' => self.template(),
                '/' => self.slash(),
                '}' if self.open.ends_with(&['`', '}']) => {
                    self.open.truncate(self.open.len() - 2);
                    self.template()
                }
                _ => self.plain(c),
            };
            if let Some(inside) = ended {
                return inside;
            }
        }
        if self.open.is_empty() && !self.awaits_operand() { Inside::Nothing } else { Inside::Expression }
    }

    fn plain(&mut self, c: char) -> Option<Inside> {
        match c {
            '(' => self.open.push(')'),
            '[' => self.open.push(']'),
            '{' => self.open.push('}'),
            // One that closes nothing is an error, whatever comes.
            ')' | ']' | '}' if self.open.pop() != Some(c) => return Some(Inside::Nothing),
            _ => {}
        }
        let is_word = c.is_alphanumeric() || c == '_' || c == '$';
        if c.is_whitespace() {
            self.is_apart = true;
            return None;
        }
        if !is_word || std::mem::take(&mut self.is_apart) {
            self.word.clear();
        }
        if is_word {
            self.word.push(c);
        }
        self.note(c);
        None
    }

    fn note(&mut self, c: char) {
        self.last = Some((self.last.map(|(_, last)| last), c));
    }

    /// A value has just ended.
    fn value(&mut self) -> Option<Inside> {
        self.word.clear();
        self.note('"');
        None
    }

    fn string(&mut self, quote: char) -> Option<Inside> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => drop(self.rest.next()),
                '\n' => return self.value(),
                c if c == quote => return self.value(),
                _ => {}
            }
        }
        Some(Inside::String(quote))
    }

    fn template(&mut self) -> Option<Inside> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => drop(self.rest.next()),
                '`' => return self.value(),
                '$' if self.rest.next_if_eq(&'{').is_some() => {
                    self.open.extend(['`', '}']);
                    self.last = None;
                    return None;
                }
                _ => {}
            }
        }
        Some(Inside::Template)
    }

    fn slash(&mut self) -> Option<Inside> {
        if self.rest.next_if_eq(&'/').is_some() {
            while self.rest.next_if(|c| *c != '\n').is_some() {}
            return None;
        }
        if self.rest.next_if_eq(&'*').is_some() {
            return self.comment();
        }
        if self.is_value_due() {
            return self.regular_expression();
        }
        self.plain('/')
    }

    fn comment(&mut self) -> Option<Inside> {
        while let Some(c) = self.rest.next() {
            if c == '*' && self.rest.next_if_eq(&'/').is_some() {
                return None;
            }
        }
        Some(Inside::Comment)
    }

    /// It ends with its line in any case.
    fn regular_expression(&mut self) -> Option<Inside> {
        let mut in_class = false;
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => drop(self.rest.next()),
                '[' => in_class = true,
                ']' => in_class = false,
                '\n' => break,
                '/' if !in_class => break,
                _ => {}
            }
        }
        self.value()
    }

    /// Whether a slash here would begin a regular expression.
    fn is_value_due(&self) -> bool {
        match self.last {
            None => true,
            Some((_, last)) => {
                "([{,;=:!&|?+-*%<>~^".contains(last) || BEFORE_VALUE.contains(&self.word.as_str())
            }
        }
    }

    fn awaits_operand(&self) -> bool {
        match self.last {
            Some((Some('+'), '+') | (Some('-'), '-')) | None => false,
            Some((_, last)) => "=+-*/%&|^?:,.<>!~".contains(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is open goes on; what is whole, or wrong, does not.
    #[test]
    fn whole_or_not() {
        let whole = [
            "",
            "f = 330",
            "play('a', s => 0)",
            "'it(s'",
            r#""a\"(""#,
            "`a${f(`b`)}c`",
            "`${'}'}`",
            "// (",
            "/* ( */ 1",
            "/[/(]/.test(x)",
            "a / b / (c)",
            "x++",
            "y--",
            "return /(/",
            "const f = () => { return 1 }",
            ")",
            "(]",
            "a )(",
            "1 / 2",
            "f(/a'b/)",
            "{ }",
            "'open",
            "x => /\\//",
            "s.t /* c */ % 1",
            "[1, 2] // ,",
        ];
        for text in whole {
            assert!(!goes_on(text), "{text:?} is whole: {:?}", inside(text));
        }
        let open = [
            "play('a',",
            "play(",
            "s => {",
            "`abc",
            "`a${",
            "`a${b",
            "`a${{}",
            "/* so",
            "a +",
            "x =>",
            "f =",
            "a ?",
            "a &&",
            "a,",
            "o.",
            "[1,\n2",
            "'a\\",
            "f(/* ) */",
            "f('(', `)`",
            "if (x) {\n}\nelse {",
            "a\n//b\n+",
            "a = `${1}` +",
        ];
        for text in open {
            assert!(goes_on(text), "{text:?} goes on: {:?}", inside(text));
        }
    }

    /// Where the cursor is in a string, voices are completed.
    #[test]
    fn in_a_string() {
        assert_eq!(inside("stop('ba"), Inside::String('\''));
        assert_eq!(inside("stop(\"ba"), Inside::String('"'));
        assert_eq!(inside("stop(ba"), Inside::Expression);
        assert_eq!(inside("stop('a'); mu"), Inside::Nothing);
    }
}
