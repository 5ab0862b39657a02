extension Tokenizer {
  /// The bytes that a token spells within a text: of some tokens only a part of a character. Special
  /// tokens spell their names.
  public func bytes(of id: Int32) -> [UInt8] {
    guard let spelling = spelling(of: id, skipSpecialTokens: false) else { return [] }
    guard let decoder else { return [UInt8(ascii: " ")] + spelling }
    if decoder.isByteLevel { return ByteLevelAlphabet.bytes(spelledBy: spelling) }
    if decoder.spellsBytesAsTokens, let byte = TokenDecoder.byte(of: spelling) { return [byte] }
    // Decoders treat the first token of a text differently; this one stands behind another.
    let before = decoder.apply(to: [spelling]).joined().count
    return Array(decoder.apply(to: [spelling, spelling]).joined().dropFirst(before))
  }
}
