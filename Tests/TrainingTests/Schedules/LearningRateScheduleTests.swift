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

  @Test func `Warm-up and decay follow torch's schedulers at every step`() {
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

  @Test func `RADLADS' warm-up and decays are those of its code at every step`() {
    func decay(
      _ shape: ScheduleSpecification.Decay.Shape, _ final: Double, warmup: Int,
      start: Double = 0, end: Double = 1
    ) -> ScheduleSpecification {
      .decay(
        .init(
          shape, warmup: .init(steps: warmup, start: 0.01), finalLearningRate: final, start: start,
          end: end))
    }
    expectEqual(
      rates(decay(.quarterCosine, 1e-5, warmup: 5), 1e-3, steps: 25),
      ScheduleGoldens.quarterCosineWarmup5Of25, "quarter cosine")
    expectEqual(
      rates(decay(.oneMinusSqrt, 1e-4, warmup: 3), 1e-3, steps: 20),
      ScheduleGoldens.oneMinusSqrtWarmup3Of20, "one minus square root")
    expectEqual(
      rates(decay(.exponential, 1e-5, warmup: 4), 1e-3, steps: 20),
      ScheduleGoldens.exponentialWarmup4Of20, "exponential")
    expectEqual(
      rates(decay(.linear, 1e-5, warmup: 4, start: 0.25, end: 0.75), 1e-3, steps: 24),
      ScheduleGoldens.linearOfQuartersOf24, "linear between a quarter and three quarters")
    // Of every step the common rate, and that of a group with ends of its own.
    var schedule = LearningRateSchedule(
      decay(.quarterCosine, 1e-5, warmup: 6, start: 0.5, end: 0.875), learningRate: 1e-5,
      totalSteps: 30)
    let found = (0..<30).flatMap { _ in
      defer { schedule.advance() }
      return [schedule.learningRate, schedule.learningRate(from: 1e-4, to: 1e-5)]
    }
    expectEqual(found, ScheduleGoldens.groupsQuarterCosine30, "groups")
  }

  @Test func `A plateau reduces the rate exactly where torch's ReduceLROnPlateau does`() {
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

  @Test func `A schedule restored from its written state continues with the same bits`() throws {
    let specifications: [ScheduleSpecification] = [
      .constant(warmupSteps: 7), .linear(warmupSteps: 2, finalLearningRate: 1e-5),
      .cosine(warmupSteps: 3, finalLearningRate: 1e-5),
      .plateau(factor: 0.3, patience: 1, minimumLearningRate: 1e-6),
      .decay(
        .init(
          .quarterCosine, warmup: .init(steps: 3, start: 0.01), finalLearningRate: 1e-5, start: 0.2,
          end: 0.9)),
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

  @Test func `A state that is not a schedule's is refused with every mistake`() {
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
