package import JSONText

/// Data of `agent.message`.
package struct AgentMessage: Sendable, Equatable {
    /// `user`, `assistant`, `system` or `tool`.
    package enum Role: String, Sendable, CaseIterable { case user, assistant, system, tool }
    package var role: Role
    package var text: String

    package init(role: Role, text: String) {
        self.role = role
        self.text = text
    }
}

/// Data of `agent.usage`: tokens and cost of one request to a model, under the names of OpenTelemetry's semantic
/// conventions for generative AI. They have no attribute for cost.
package struct AgentUsage: Sendable, Equatable {
    /// `gen_ai.provider.name`
    package var provider: String?
    /// `gen_ai.request.model`
    package var model: String?
    /// `gen_ai.usage.input_tokens`
    package var inputTokens: Int
    /// `gen_ai.usage.output_tokens`
    package var outputTokens: Int
    package var cost: Cost?

    package init(
        provider: String? = nil, model: String? = nil, inputTokens: Int, outputTokens: Int, cost: Cost? = nil
    ) {
        self.provider = provider
        self.model = model
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cost = cost
    }
}

/// What something costs.
package struct Cost: Sendable, Equatable {
    /// Millionths of the currency's unit.
    package var micros: Int
    /// Three capital letters (ISO 4217).
    package var currency: String
    /// Whether it was computed from a price list rather than taken from a bill.
    package var isEstimate: Bool

    package init(micros: Int, currency: String, isEstimate: Bool) {
        self.micros = micros
        self.currency = currency
        self.isEstimate = isEstimate
    }
}

/// An event of an agent that has no fields of its own here.
package struct AgentEvent: Sendable, Equatable {
    /// `agent.` and a name of small letters, digits, dots, hyphens and underscores.
    package var type: String
    /// An object.
    package var data: JSONValue

    package init(type: String, data: JSONValue) {
        self.type = type
        self.data = data
    }
}
