import Documents
import Testing

@testable import Training

@Suite struct LearningRateScheduleTests {
  private func rates(
    _ specification: ScheduleSpecification, _ rate: Double, steps: Int
  ) -> [Double] {
    var schedule = LearningRateSchedule(specification, learningRate: rate, totalSteps: steps)
    return (0..<steps).map { _ in
      defer { schedule.advance() }
      return schedule.learningRate
    }
  }

  private func expectEqual(_ found: [Double], _ golden: [Double], _ comment: Comment) {
    #expect(found.count == golden.count, comment)
    for (step, (rate, expected)) in zip(found, golden).enumerated() {
      #expect(
        abs(rate - expected) <= 1e-12 * max(expected, 1e-3), "\(comment) at step \(step)")
    }
  }

  @Test("Warm-up and decay follow torch's schedulers at every step")
  func torchSchedules() {
    expectEqual(
      rates(.constant(warmupSteps: 3), 1e-2, steps: 8), ScheduleGoldens.constantWarmup3Of8,
      "constant")
    expectEqual(
      rates(.linear(warmupSteps: 0, finalLearningRate: 1e-3), 1e-2, steps: 10),
      ScheduleGoldens.linear10, "linear")
    expectEqual(
      rates(.linear(warmupSteps: 4, finalLearningRate: 5e-5), 5e-4, steps: 20),
      ScheduleGoldens.linearWarmup4Of20, "linear with warm-up")
    expectEqual(
      rates(.cosine(warmupSteps: 0, finalLearningRate: 0), 1e-2, steps: 12),
      ScheduleGoldens.cosine12, "cosine")
    expectEqual(
      rates(.cosine(warmupSteps: 5, finalLearningRate: 1e-4), 1e-3, steps: 25),
      ScheduleGoldens.cosineWarmup5Of25, "cosine with warm-up")
  }

  @Test("A plateau reduces the rate exactly where torch's ReduceLROnPlateau does")
  func torchPlateau() {
    let cases: [(Double, Int, Double, [Double])] = [
      (0.1, 2, 1e-5, ScheduleGoldens.plateauPatience2),
      (0.5, 0, 1e-4, ScheduleGoldens.plateauPatience0),
      (0.1, 10, 1e-5, ScheduleGoldens.plateauPatience10),
    ]
    for (factor, patience, minimum, golden) in cases {
      var schedule = LearningRateSchedule(
        .plateau(factor: factor, patience: patience, minimumLearningRate: minimum),
        learningRate: 1e-2, totalSteps: 100)
      let found = ScheduleGoldens.losses.map { loss in
        schedule.observe(validationLoss: loss)
        return schedule.learningRate
      }
      expectEqual(found, golden, "plateau with patience \(patience)")
      #expect(golden.last! < golden.first! || patience == 10)
    }
  }

  @Test("A schedule restored from its written state continues with the same bits")
  func restored() throws {
    let specifications: [ScheduleSpecification] = [
      .constant(warmupSteps: 7), .linear(warmupSteps: 2, finalLearningRate: 1e-5),
      .cosine(warmupSteps: 3, finalLearningRate: 1e-5),
      .plateau(factor: 0.3, patience: 1, minimumLearningRate: 1e-6),
    ]
    for specification in specifications {
      var schedule = LearningRateSchedule(specification, learningRate: 0.01 / 3, totalSteps: 30)
      for stop in ScheduleGoldens.losses.indices {
        var resumed = LearningRateSchedule(specification, learningRate: 0.01 / 3, totalSteps: 30)
        try resumed.restore(JSONValue(parsing: schedule.state.compact))
        #expect(resumed == schedule, "\(specification) stopped at \(stop)")
        schedule.observe(validationLoss: ScheduleGoldens.losses[stop] / 3)
        schedule.advance()
      }
    }
  }

  @Test("A state that is not a schedule's is refused with every mistake")
  func wrongState() {
    var schedule = LearningRateSchedule(
      .constant(warmupSteps: 0), learningRate: 1, totalSteps: 2)
    let error = #expect(throws: DocumentError.self) {
      try schedule.restore(["step": -1, "best": "low", "badEvaluations": 0])
    }
    #expect(
      error?.description == """
        $.schedule.step: found the integer -1, expected an integer of at least 0
        $.schedule.learningRate: is missing; expected a number (Rate that plateaus have left.)
        $.schedule.best: found the string "low", expected a number
        """)
  }
}
