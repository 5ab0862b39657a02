import Differentiation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct StudentGradientTests {
  /// Padding on both sides, a short sequence, and one that straddles a chunk.
  private let layout = SequenceLayout(
    rows: 76, segments: [.init(start: 2, count: 3), .init(start: 5, count: 70)])

  @Test(arguments: StudentCase.all)
  func `outputs and every gradient equal the definition's, differentiated in double precision`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    let twin = try #require(
      naiveTwin(testCase, mixer),
      "\(testCase.mixerName) has no naive twin: write one, and read it in naiveTwin")
    let operands = MixerOperands(twin.attention, rows: layout.rows)
    let output = mixer.output(operands, layout: layout).elements
    #expect(
      relativeRMS(output, twin.output(operands, layout: layout)) < (twin.isRecurrent ? 1e-5 : 3e-6))

    var draw = TestValues(11)
    let upstream = draw.normal(output.count)
    let gradients = mixer.gradients(operands, upstream: upstream, layout: layout)
    let check = {
      (name: String, count: Int, move: ([Double]) -> (any NaiveTwin, MixerOperands)) in
      let gradient = try #require(gradients[name], "\(name) has no gradient").elements
      try #require(gradient.count == count)
      let norm = dot(gradient, gradient.map(Double.init)).squareRoot()
      // Along a random direction a derivative is as large as the gradient is long.
      let direction = draw.normal(count)
      // So short a step that hardly any of the rectified coordinates changes its sign within it.
      let slope =
        numericalGradient(at: [0], step: 1e-7) { step in
          let (twin, operands) = move(direction.map { $0 * step[0] })
          return dot(upstream, twin.output(operands, layout: layout))
        }[0]
      let difference = abs(dot(gradient, direction) - slope)
      // Some gradients are 0 by construction: a softmax does not feel a bias that all its
      // coordinates share. What remains of them is rounding.
      #expect(
        difference < (twin.isRecurrent ? 5e-5 : 2e-5) * max(norm, 0.3),
        "\(name): \(slope) for a norm of \(norm)")
    }
    for parameter in mixer.parameters {
      try check(parameter.name, parameter.value.count) { step in
        var moved = twin
        for index in step.indices { moved.parameters[parameter.name]![index] += step[index] }
        return (moved, operands)
      }
    }
    for (name, path) in MixerOperands.inputs where gradients[name] != nil {
      try check(name, operands[keyPath: path].count) { step in
        var moved = operands
        for index in step.indices { moved[keyPath: path][index] += step[index] }
        return (twin, moved)
      }
    }
    // What a mixer does not read it does not depend on, by its definition either.
    var other = operands
    for (name, path) in MixerOperands.inputs where gradients[name] == nil {
      other[keyPath: path] = operands[keyPath: path].map { $0 + 1 }
    }
    #expect(twin.output(other, layout: layout) == twin.output(operands, layout: layout))
  }

  @Test(arguments: StudentCase.all.filter(\.isTrained))
  func `gradients equal differences of the mixer's own outputs, whatever the mixer`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: layout.rows)
    var draw = TestValues(13)
    let upstream = draw.normal(layout.rows * operands.attention.queryWidth)
    let gradients = mixer.gradients(operands, upstream: upstream, layout: layout)
    for parameter in mixer.parameters {
      let gradient = try #require(gradients[parameter.name]).elements
      let norm = dot(gradient, gradient.map(Double.init)).squareRoot()
      let value = parameter.value
      // In single precision: a step long enough to stand out of the rounding, short enough that
      // few of the maps' kinks lie within it, and the median of directions, for those that do.
      let differences = (0..<5).map { _ in
        let direction = draw.normal(gradient.count)
        let slope =
          numericalGradient(at: [0], step: 2e-4) { step in
            parameter.value = Tensor(
              zip(value.elements, direction).map { $0 + Float(step[0] * $1) }, value.shape)
            return dot(mixer.output(operands, layout: layout).elements, upstream)
          }[0]
        parameter.value = value
        return abs(dot(gradient, direction) - slope)
      }
      #expect(differences.sorted()[2] < 5e-2 * max(norm, 1), "\(parameter.name), norm \(norm)")
    }
  }

  @Test func `a tied map's one gradient is the sum of those of two maps with equal weights`() throws
  {
    let options = { (isTied: Bool) in
      StudentCase(document: [
        "mixer": "terrace-window", "windowSize": 8,
        "featureMap": [
          "initialization": "kaiming", "skipConnection": true, "bias": true, "tied": .bool(isTied),
        ],
      ])
    }
    let operands = MixerOperands(StudentCase.geometry.attention, rows: layout.rows)
    var draw = TestValues(17)
    let upstream = draw.normal(layout.rows * operands.attention.queryWidth)
    let tied = try options(true).freshMixer().gradients(
      operands, upstream: upstream, layout: layout)
    let free = try options(false).freshMixer().gradients(
      operands, upstream: upstream, layout: layout)
    for part in ["layer", "bias"] {
      let sum = zip(
        try #require(free["feature_map_q.mlp.\(part)"]).elements,
        try #require(free["feature_map_k.mlp.\(part)"]).elements
      ).map { Double($0) + Double($1) }
      let found = try #require(tied["feature_map_q.mlp.\(part)"]).elements
      #expect(relativeRMS(found, sum) < 1e-6)
      #expect(tied["feature_map_k.mlp.\(part)"] == nil)
    }
  }
}
