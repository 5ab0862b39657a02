import Documents
import Testing

@Suite struct TerminalTextTests {
  @Test(arguments: [
    ("model.layers.0\tweight\n", "model.layers.0\tweight\n"),
    ("größer, 長い 🙂 e\u{301}", "größer, 長い 🙂 e\u{301}"),
    ("a\u{1B}[2Jb", #"a\u{1B}[2Jb"#),
    ("done\r\nerror", #"done\u{D}"# + "\nerror"),
    ("\u{9B}31m\u{7F}\u{0}", #"\u{9B}31m\u{7F}\u{0}"#),
    ("safe\u{202E}gpj.exe\u{2066}", #"safe\u{202E}gpj.exe\u{2066}"#),
  ])
  func `What a terminal obeys is shown, everything else stays`(text: String, shown: String) {
    #expect(TerminalText.visible(text) == shown)
  }
}
