import Corpus
import Documents
import Results
import TestSupport
import Testing

@testable import Evaluation

/// Every shipped task, and rows that need none, against lm-eval 0.4.13 on the same rows.
@Suite struct TaskGoldenTests {
  @Test(arguments: TaskGolden.all)
  func `contexts and continuations are lm-eval's, letter for letter`(_ golden: TaskGolden) throws {
    let (task, samples) = try golden.load()
    let expected = try golden.document().member("samples").elements()
    #expect(samples.count == expected.count)
    for (sample, expected) in zip(samples, expected) {
      let arguments = try #require(try expected.member("arguments").objectValue)
      let texts = try arguments.members.map {
        try $0.value.objectValue!.members.map { try $0.value.text() }
      }
      let found = sample.requests.map {
        task.isRolling ? [$0.continuation] : [$0.context, $0.continuation]
      }
      #expect(found.count == texts.count)
      for (found, expected) in zip(found, texts) {
        #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
      }
    }
  }

  @Test(arguments: TaskGolden.all)
  func `tokens are those that lm-eval gives the model`(_ golden: TaskGolden) throws {
    let (task, samples) = try golden.load()
    let expected = try golden.document().member("tokens")
    for (name, specials, maximumLength) in TaskGolden.models {
      let tokenizer = try TaskGolden.tokenizer(name, specials)
      let encoded = try TaskEncoding(encoder: tokenizer, maximumLength: maximumLength)
        .encode(samples, of: task)
      let requests = try expected.member(name).elements().map { pair in
        LogLikelihoodRequest(
          context: try pair.elements()[0].ids(), continuation: try pair.elements()[1].ids())
      }
      #expect(encoded.requests.flatMap { $0 } == requests, "\(name)")
    }
  }

  @Test(arguments: TaskGolden.all)
  func `metrics and their standard errors are lm-eval's`(_ golden: TaskGolden) throws {
    let (task, samples) = try golden.load()
    let expected = try golden.document().member("results")
    let result = try task.result(
      of: samples, likelihoods: try golden.likelihoods(), hash: Digest.sha256)
    #expect(result.samples == samples.count)
    #expect(result.version == (try golden.document().member("version").double()))
    var names: Set = ["sample_len"]
    #expect(try expected.member("sample_len").intValue == samples.count)
    for metric in result.metrics {
      let value = try expected.member("\(metric.name),none").double()
      #expect(isClose(metric.value, value), "\(metric.name): \(metric.value), expected \(value)")
      let error = try expected.member("\(metric.name)_stderr,none")
      if error == "N/A" {
        #expect(metric.standardError == nil, "\(metric.name)")
      } else {
        let found = try #require(metric.standardError, "\(metric.name)")
        #expect(isClose(found, try error.double()), "\(metric.name): ± \(found), expected \(error)")
      }
      names.formUnion(["\(metric.name),none", "\(metric.name)_stderr,none"])
    }
    #expect(Set(try #require(expected.objectValue).keys) == names)
  }

  @Test(arguments: TaskGolden.all)
  func `lines of samples hold what lm-eval writes, digests too`(_ golden: TaskGolden) throws {
    let (task, samples) = try golden.load()
    let document = try golden.document()
    let lines = try task.sampleLines(
      of: samples, likelihoods: try golden.likelihoods(), hash: Digest.sha256)
    let own = Set(golden.hasOtherRows ? ["doc", "doc_hash"] : [])
    for (line, expected) in zip(lines, try document.member("samples").elements()) {
      let line = try #require(line.objectValue)
      let expected = try #require(expected.objectValue)
      #expect(line.keys == expected.keys)
      for key in expected.keys where !own.contains(key) {
        #expect(line[key]?.compact == expected[key]?.compact, "\(key)")
      }
    }
    if !golden.hasOtherRows {
      let digest = try task.samplesHash(samples, hash: Digest.sha256)
      #expect(try document.member("taskHash") == .string(digest))
    }
  }

  @Test func `the goldens hold ties, cut contexts and several windows`() throws {
    let golden = try #require(TaskGolden.all.first { $0.name == "arc_easy" })
    let ties = try golden.likelihoods().filter { Set($0.map(\.sum)).count < $0.count }
    #expect(!ties.isEmpty)
    let (lambada, samples) = try TaskGolden(name: "lambada_openai", task: "lambada_openai").load()
    let (name, specials, maximumLength) = TaskGolden.models[0]
    let tokenizer = try TaskGolden.tokenizer(name, specials)
    let encoding = TaskEncoding(encoder: tokenizer, maximumLength: maximumLength)
    #expect(try encoding.encode(samples, of: lambada).truncatedSamples == 1)
    let (wikitext, pages) = try TaskGolden(name: "wikitext", task: "wikitext").load()
    let windows = try encoding.encode(pages, of: wikitext).requests
    #expect(windows.contains { $0.count > 1 })
    #expect(windows.contains { $0.count == 1 })
  }

  private func isClose(_ found: Double, _ expected: Double) -> Bool {
    abs(found - expected) <= 1e-12 * max(abs(expected), 1e-3)
  }
}
