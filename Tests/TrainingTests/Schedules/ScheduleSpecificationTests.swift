import Documents
import Testing
import Training

@Suite struct ScheduleSpecificationTests {
  @Test(arguments: [
    ("{}", #"{"kind":"constant","warmupSteps":0,"warmupStart":null}"#),
    (
      #"{"kind": "plateau"}"#,
      #"{"kind":"plateau","factor":0.1,"patience":10,"minimumLearningRate":1e-05}"#
    ),
    (
      #"{"kind": "cosine", "warmupSteps": 5}"#,
      #"{"kind":"cosine","warmupSteps":5,"warmupStart":null,"finalLearningRate":0.0,"start":0.0,"end":1.0}"#
    ),
    (
      #"{"kind": "linear", "finalLearningRate": 0.001}"#,
      #"{"kind":"linear","warmupSteps":0,"warmupStart":null,"finalLearningRate":0.001,"start":0.0,"end":1.0}"#
    ),
    (
      #"{"kind": "quarter-cosine", "warmupSteps": 50, "warmupStart": 0.01, "finalLearningRate": 1e-05, "start": 0.833, "end": 0.875}"#,
      #"{"kind":"quarter-cosine","warmupSteps":50,"warmupStart":0.01,"finalLearningRate":1e-05,"start":0.833,"end":0.875}"#
    ),
  ])
  func `A schedule is read with its defaults spelled`(_ text: String, _ resolved: String) throws {
    let document = try JSONValue(parsing: text)
    #expect(
      try DocumentReader.resolve(document, ScheduleSpecification.init).resolved.compact == resolved)
  }

  @Test(arguments: [
    (
      #"{"schedule": {"kind": "cosin"}}"#,
      "$.schedule.kind: found the string \"cosin\", expected one of \"constant\", \"linear\", "
        + "\"cosine\", \"quarter-cosine\", \"exponential\", \"one-minus-sqrt\", \"plateau\"; did you "
        + "mean \"cosine\"?"
    ),
    (
      #"{"schedule": {"kind": "plateau", "factor": 1}}"#,
      "$.schedule.factor: found the integer 1, expected a number of at least 0.0 and below 1.0"
    ),
    (
      #"{"schedule": {"kind": "plateau", "warmupSteps": 3}}"#,
      "$.schedule.warmupSteps: is not a known key; known keys here are factor, kind, "
        + "minimumLearningRate, patience"
    ),
    (
      #"{"schedule": {"kind": "cosine", "warmupSteps": -3}}"#,
      "$.schedule.warmupSteps: found the integer -3, expected an integer of at least 0"
    ),
    (
      #"{"schedule": {"kind": "linear", "start": 0.5, "end": 0.4}}"#,
      "$.schedule.end: found 0.4, expected above the decay's start, 0.5"
    ),
    (
      #"{"schedule": {"kind": "cosine", "start": 1}}"#,
      "$.schedule.end: found 1.0, expected above the decay's start, 1.0"
    ),
    (
      #"{"schedule": {"kind": "exponential", "finalLearningRate": 0}}"#,
      "$.schedule.finalLearningRate: found 0, expected a number above 0; an exponential never ends "
        + "at 0"
    ),
    (
      #"{"schedule": {"warmupStart": 0.01}}"#,
      "$.schedule.warmupStart: has no effect; it goes with warmupSteps above 0"
    ),
    (
      #"{"optimizer": {"groups": [{"parameters": [], "learningRate": 1}]}}"#,
      "$.optimizer.groups[0].parameters: has nothing to match; expected patterns such as "
        + "\"*.self_attn.*\""
    ),
    (
      #"{"optimizer": {"groups": [{"learningRate": 1}]}}"#,
      "$.optimizer.groups[0].parameters: is missing; expected an array of strings (Names of the "
        + "group; * stands for any characters.)"
    ),
    (
      #"{"optimizer": {"learningRate": -1}}"#,
      "$.optimizer.learningRate: found the integer -1, expected a number of at least "
        + "0.0"
    ),
    (
      #"{"optimizer": {"betas": [0.9, 1.0]}}"#,
      "$.optimizer.betas[1]: found the number 1.0, expected a number of at least "
        + "0.0 and below 1.0"
    ),
    (
      #"{"optimizer": {"clipGradientNorm": 0}}"#,
      "$.optimizer.clipGradientNorm: found the integer 0, expected a number above 0.0"
    ),
    (
      #"{"optimizer": {"lr": 0.1}}"#,
      "$.optimizer.lr: is not a known key; known keys here are betas, clipGradientNorm, "
        + "epsilon, groups, learningRate, weightDecay"
    ),
  ])
  func `A mistake in a schedule or an optimizer is named with its path`(
    _ text: String, _ expected: String
  ) throws {
    let document = try JSONValue(parsing: text)
    let error = #expect(throws: DocumentError.self) {
      try DocumentReader.read(document) { reader in
        _ = reader.object("optimizer", "") { OptimizerSpecification($0, learningRate: 0.01) }
        _ = reader.object("schedule", "", ScheduleSpecification.init)
      }
    }
    #expect(error?.description == expected)
  }

  @Test func `An optimizer is AdamW with the betas and the epsilon of torch unless told otherwise`()
    throws
  {
    let optimizer = try DocumentReader.read(["learningRate": 0.5, "betas": [0.8, 0.95]]) {
      OptimizerSpecification($0)
    }
    #expect(optimizer == OptimizerSpecification(learningRate: 0.5, betas: (0.8, 0.95)))
    #expect(optimizer.epsilon == 1e-8)
    #expect(optimizer.weightDecay == 0)
    #expect(optimizer.clipGradientNorm == nil)
  }
}
