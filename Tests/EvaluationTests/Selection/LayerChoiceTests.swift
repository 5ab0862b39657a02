import Operations
import Results
import Students
import Testing
import Transformers

@testable import Evaluation

@Suite struct LayerChoiceTests {
  private func scorer(layers: Int = 5) throws -> LayerScorer {
    let teacher = try tinyDecoder(seed: 7, layers: layers)
    let mixer = SoftmaxWindowMixer(
      teacher.configuration.attention, window: .sliding(4), sinks: 0)
    var probes = SelectionProbes()
    probes.add(text: [EvaluationSequence(tokens: randomTokens(48, seed: 1))], beyond: 4)
    return LayerScorer(
      teacher, linear: [any TokenMixer](repeating: mixer, count: layers), probes: probes)
  }

  private func choice(
    limit: Int, rescored: Int = 5, restoresAll: Bool = true, candidates: [Int] = [0, 1, 2, 3, 4]
  ) -> LayerChoice {
    LayerChoice(
      candidates: candidates, limit: limit, rescored: rescored, restoresAll: restoresAll,
      weights: SelectionWeights())
  }

  @Test func `Every round restores the layer that leaves least lost beside those before`() throws {
    let scorer = try scorer()
    let result = choice(limit: 3).run(scorer, linear: "window") { _ in }
    #expect(result.rounds.count == 3 && result.chosen.count == 3)
    #expect(result.removed.map(\.layer) == [0, 1, 2, 3, 4])
    var chosen: Set<Int> = []
    let lost = try #require(result.without.divergence)
    for round in result.rounds {
      let remaining = (0..<5).filter { !chosen.contains($0) }
      #expect(round.candidates.map(\.layer) == remaining)
      let expected = scorer.sweep(softmax: chosen, changing: remaining) { _ in }.changed
      for candidate in round.candidates {
        #expect(candidate.measures == expected[candidate.layer])
        #expect(abs(candidate.cost - expected[candidate.layer]!.divergence! / lost) < 1e-6)
      }
      #expect(
        round.chosen == round.candidates.min { $0.cost < $1.cost }?.layer)
      chosen.insert(round.chosen)
    }
    #expect(result.chosen == chosen.sorted())
    #expect(
      result.outcome == scorer.sweep(softmax: chosen, changing: []) { _ in }.base)
    #expect(result.notes.isEmpty)
    // All layers are the teacher.
    let all = choice(limit: 5).run(scorer, linear: "window") { _ in }
    #expect(all.chosen == [0, 1, 2, 3, 4] && all.outcome.divergence! < 1e-6)
  }

  @Test func `The choice is the same each time`() throws {
    let scorer = try scorer()
    let results = (0..<2).map { _ in choice(limit: 2).run(scorer, linear: "window") { _ in } }
    #expect(results[0] == results[1])
  }

  @Test func `Candidates after the first round are the best of both lists`() throws {
    let scorer = try scorer()
    let result = choice(limit: 2, rescored: 3).run(scorer, linear: "window") { _ in }
    #expect(result.rounds[0].candidates.count == 5)
    let removed = result.removed.sorted { $0.cost > $1.cost }.map(\.layer)
    let restored = result.rounds[0].candidates.sorted { $0.cost < $1.cost }.map(\.layer)
    var pool: [Int] = []
    for layer in zip(removed, restored).flatMap({ [$0, $1] }) where !pool.contains(layer) {
      pool.append(layer)
    }
    let expected = pool.prefix(3).filter { $0 != result.rounds[0].chosen }.sorted()
    #expect(result.rounds[1].candidates.map(\.layer) == expected)
    // Without the first round over all, those that cost most when removed are restored.
    let short = choice(limit: 2, rescored: 3, restoresAll: false).run(scorer, linear: "window") {
      _ in
    }
    #expect(short.rounds[0].candidates.map(\.layer) == removed.prefix(3).sorted())
    // As many as are wanted, whatever is to be scored again.
    #expect(choice(limit: 4, rescored: 1).run(scorer, linear: "w") { _ in }.chosen.count == 4)
    let few = choice(limit: 4, candidates: [1, 3]).run(scorer, linear: "w") { _ in }
    #expect(few.chosen == [1, 3])
  }

  @Test func `A bound ends the choice, and one that is not reached is told`() throws {
    let scorer = try scorer()
    var choice = choice(limit: 5)
    choice.maximumDivergence = .infinity
    #expect(choice.run(scorer, linear: "w") { _ in }.rounds.isEmpty)
    let steps = self.choice(limit: 5).run(scorer, linear: "w") { _ in }.rounds
    let second = steps[1].candidates.first { $0.layer == steps[1].chosen }!
    choice.maximumDivergence = second.measures.divergence!
    #expect(
      choice.run(scorer, linear: "w") { _ in }.rounds.map(\.chosen)
        == steps.prefix(2).map(\.chosen))
    choice.limit = 1
    choice.maximumDivergence = 0
    let result = choice.run(scorer, linear: "w") { _ in }
    #expect(result.rounds.count == 1)
    #expect(
      result.notes
        == ["The bounds were not reached with the 1 layers that may be kept."])
  }

  @Test func `Tokens that are read are no more than planned`() throws {
    let scorer = try scorer()
    for restoresAll in [true, false] {
      let choice = choice(limit: 3, rescored: 3, restoresAll: restoresAll)
      var models = 0
      let result = choice.run(scorer, linear: "w") { _ in models += 1 }
      // One pass a model; the teacher's own, for what is compared, is counted in the plan alone.
      #expect(models == choice.models)
      #expect(Double(result.tokens) <= 1.3 * choice.passes * 48)
    }
  }

  @Test func `The cost is the weighted part of what is lost without softmax`() {
    let teacher = SelectionResult.Measures(divergence: 0, recallLoss: 1, passkeyLoss: 0.5)
    let without = SelectionResult.Measures(divergence: 0.2, recallLoss: 5, passkeyLoss: 2.5)
    let measures = SelectionResult.Measures(divergence: 0.05, recallLoss: 3, passkeyLoss: 2.5)
    let cost = { (weights: SelectionWeights) in
      weights.cost(of: measures, teacher: teacher, without: without)
    }
    // A quarter, a half and all.
    #expect(abs(cost(SelectionWeights()) - (0.25 + 0.5 + 1) / 3) < 1e-12)
    #expect(abs(cost(SelectionWeights(divergence: 3, associative: 1, passkey: 0)) - 0.3125) < 1e-12)
    let weights = SelectionWeights()
    #expect(weights.cost(of: teacher, teacher: teacher, without: without) == 0)
    #expect(weights.cost(of: without, teacher: teacher, without: without) == 1)
    // A teacher who finds no passkey either says nothing by it.
    var blind = teacher
    blind.passkeyLoss = 2.5
    #expect(abs(weights.cost(of: measures, teacher: blind, without: without) - 0.375) < 1e-12)
    #expect(
      weights.notes(teacher: blind, without: without) == [
        "Not counted: passkeys, in which the teacher is no worse without any softmax layer."
      ])
    #expect(weights.notes(teacher: teacher, without: without).isEmpty)
  }
}
