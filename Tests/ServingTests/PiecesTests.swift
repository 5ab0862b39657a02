import Models
import TensorCore
import Testing
import Transformers

@testable import Serving

extension Decoder {
  /// Logits after each of some tokens.
  func session(reading tokens: [Int32]) -> [[Float]] {
    let logits = logits(DecodingSession(self).advance(tokens, pieceLength: tokens.count)).elements
    let size = configuration.vocabularySize
    return (0..<tokens.count).map { Array(logits[$0 * size..<($0 + 1) * size]) }
  }
}

@Suite struct PiecesTests {
  @Test(arguments: [1, 2, 127, 128, 129, 130, 256, 257, 511, 512, 513, 640, 641, 1025])
  func `A token is alone in a piece only where it is alone in a prompt read at once`(count: Int) {
    var (start, lengths) = (0, [Int]())
    while start < count {
      let end = PromptReading.end(of: start, in: count)
      lengths.append(end - start)
      // A piece does not reach over the end of one of those that are read at once.
      #expect((end - 1) / 512 == start / 512)
      start = end
    }
    #expect(start == count)
    #expect(lengths.allSatisfy { $0 <= PromptReading.pieceLength + 1 })
    #expect(lengths.count { $0 == 1 } == (count % 512 == 1 ? 1 : 0))
  }

  @Test func `A stop word is found wherever its pieces are cut`() {
    for words in [["end"], ["nd", "the end", "end"], ["x", "äh"], []] {
      let text = "the en, äh the ende"
      let bytes = Array(text)
      let cut = words.compactMap { text.range(of: $0)?.lowerBound }.min()
      for size in 1...7 {
        var scanner = StopScanner(words)
        var (found, isStopped, start) = ("", false, 0)
        while start < bytes.count, !isStopped {
          let piece = String(bytes[start..<min(bytes.count, start + size)])
          let released = scanner.append(piece)
          found += released.text
          isStopped = released.isStopped
          start += size
        }
        if !isStopped { found += scanner.finish() }
        // Of two words that end at different places the one that is complete first counts.
        #expect(isStopped == (cut != nil))
        if words.count < 3, let cut { #expect(found == text[..<cut]) }
        if cut == nil { #expect(found == text) }
      }
    }
  }
}
