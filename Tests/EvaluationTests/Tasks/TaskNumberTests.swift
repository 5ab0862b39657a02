import Documents
import Foundation
import TestSupport
import Testing

@testable import Evaluation
@testable import Operations

/// Draws, standard errors, cleaned texts and windows, each for itself.
@Suite struct TaskNumberTests {
  @Test(arguments: [0, 1, 99])
  func `draws are those of Python's random.Random`(_ seed: Int) throws {
    let numbers = try TaskGolden.json("numbers.json")
    var generator = MersenneTwister(seed: UInt32(seed))
    var found = [Double](repeating: 0, count: 4 * MersenneTwister.blockLength / 2)
    let block = MersenneTwister.blockLength / 2
    found.withUnsafeMutableBufferPointer { found in
      for start in stride(from: 0, to: found.count, by: block) {
        generator.fill(UnsafeMutableBufferPointer(rebasing: found[start..<start + block]))
      }
    }
    let positions = try numbers.member("positions").elements().map { $0.intValue! }
    let expected = try numbers.member("draws").member("\(seed)").elements().map { try $0.double() }
    #expect(positions.map { found[$0] } == expected)
  }

  @Test(arguments: [500, 3000, 100_000])
  func `bootstrap errors are lm-eval's`(_ resamples: Int) throws {
    let numbers = try TaskGolden.json("numbers.json")
    let values = try numbers.member("likelihoods").elements().map { try $0.double() }
    let expected = try numbers.member("bootstrap").member("\(resamples)").double()
    let found = try #require(
      SampleStatistics.perplexityStandardError(values, resamples: resamples))
    #expect(abs(found - expected) <= 1e-12 * expected)
  }

  @Test func `one value has no error, and equal values have none to speak of`() {
    #expect(SampleStatistics.standardError([0.5]) == nil)
    #expect(SampleStatistics.perplexityStandardError([-2]) == nil)
    #expect(SampleStatistics.standardError([1, 1, 1]) == 0)
    #expect(SampleStatistics.standardError([0, 1]) == 0.5)
  }

  @Test(arguments: [TextCleaning.hellaswag, .wikitext])
  func `texts are cleaned as lm-eval cleans them`(_ cleaning: TextCleaning) throws {
    let numbers = try TaskGolden.json("numbers.json")
    let texts = try numbers.member("texts").elements().map { try $0.text() }
    let expected = try numbers.member(cleaning.rawValue).elements().map { try $0.text() }
    #expect(texts.count == expected.count)
    for (text, expected) in zip(texts, expected) {
      #expect(Array(cleaning(text).utf8) == Array(expected.utf8), "\(text.debugDescription)")
    }
  }

  @Test
  func `a page without words has one empty word, and white space at the ends adds empty ones`() {
    #expect(CodePoints("").wordCount == 1)
    #expect(CodePoints("one").wordCount == 1)
    #expect(CodePoints(" one \r\n two\u{1D}three\u{A0}").wordCount == 5)
  }

  @Test
  func
    `every token is predicted once, with one token of context or what the last window has room for`()
  {
    let tokens = (0..<247).map { Int32($0) }
    let windows = TaskEncoding.windows(of: tokens, prefix: -1, maximumLength: 64)
    #expect(
      windows.map { [$0.context.count, $0.continuation.count] } == [
        [1, 64], [1, 64], [1, 64], [10, 55],
      ])
    #expect(windows.flatMap(\.continuation) == tokens)
    #expect(windows[0].context == [-1])
    #expect(windows[3].context == Array(182..<192))
    #expect(
      TaskEncoding.windows(of: [7], prefix: -1, maximumLength: 64) == [
        LogLikelihoodRequest(context: [-1], continuation: [7])
      ])
    let single = TaskEncoding.windows(of: [5, 6, 7], prefix: -1, maximumLength: 1)
    #expect(single.map(\.context) == [[-1], [5], [6]])
    #expect(single.map(\.continuation) == [[5], [6], [7]])
  }
}
