"""The four device classes: their sensors, their duty schedules and the physics that couples one sensor to the next.

Every sensor follows visible drivers (speed, load) through lags and power laws, and rings with a control loop or a
cycle of its own, so the next reading can be foretold from the last ones, but not from the last value alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from service.fleet.signals import Column, Regimes, Signals


@dataclass(frozen=True)
class SensorSpec:
    name: str
    unit: str
    low: float  # physical range
    high: float
    spread: float  # standard deviation within a healthy device, the unit of fault sizes (held by a test)
    decimals: int  # fine enough that a healthy sensor hardly ever repeats a value


@dataclass(frozen=True)
class DeviceClass:
    name: str
    period_s: float
    sensors: tuple[SensorSpec, ...]
    driver: str  # the sensor that the others follow; it can't be decoupled from itself
    regimes: Regimes
    physics: Callable[[Signals], tuple[Column, ...]]  # true values, in the order of `sensors`


def pump(s: Signals) -> tuple[Column, ...]:
    """A variable-speed pump on a pipeline: affinity laws, a flow controller that hunts, a surge in the pipe."""
    duty, day = s.lag(s.duty(), 8), s.day()
    loop, surge, bearing, cooler = s.hunting(80), s.hunting(120), s.hunting(60), s.hunting(150)
    speed = 820 + 540 * duty + 25 * day + 90 * loop
    ratio = speed / 1450
    flow = 120 * s.lag(ratio, 9) + 7.5 * surge
    pressure = 1.9 + 4.4 * s.lag(ratio, 5) ** 2 - 0.5 * surge
    suction = 1.9 - 0.55 * (s.lag(flow, 6) / 120) ** 2 + 0.06 * surge + 0.03 * s.wander(1800)
    power = 5.5 + 20 * ratio**2 * (flow / 120)
    temperature = 26 + 1.2 * day + 1.1 * s.lag(power, 240) + 1.6 * cooler + 0.8 * s.wander(3600)
    vibration = 1.3 + 1.6 * ratio**2 + 0.25 * bearing
    return speed, flow, pressure, suction, power, temperature, vibration


def fan(s: Signals) -> tuple[Column, ...]:
    """A ventilation fan: duct pressure held by a damper loop, supply air by a heating valve."""
    duty, day = s.lag(s.duty(), 15), s.day()
    damper, valve, blades, belt = s.hunting(100), s.hunting(160), s.hunting(55), s.hunting(75)
    speed = 520 + 420 * duty + 20 * day + 60 * belt
    ratio = speed / 900
    airflow = 9.5 * s.lag(ratio, 12) - 0.5 * damper
    pressure = 130 + 420 * s.lag(ratio, 8) ** 2 + 45 * damper
    power = 2.2 + 6.5 * ratio**2 * (airflow / 9.5)
    motor = 31 + 1.5 * day + 3.2 * s.lag(power, 300) + 0.6 * s.wander(3600) + 2.0 * s.hunting(130)
    supply = 19 + 0.3 * day + 0.35 * s.lag(airflow, 60) + 0.6 * valve
    vibration = 1.2 + 1.4 * ratio**2 + 0.2 * blades
    return speed, airflow, pressure, power, motor, supply, vibration


def server(s: Signals) -> tuple[Column, ...]:
    """A server under request load: queueing, heat through the sink, a fan thermostat, collections of garbage."""
    load, day = s.lag(s.duty(), 30), s.day()
    waves, jobs, collector, thermostat, room = (s.hunting(p) for p in (200, 260, 240, 150, 320))
    requests = 480 + 480 * load + 40 * day + 75 * waves
    cpu = 10 + 0.045 * s.lag(requests, 12) + 3.5 * jobs
    memory = 34 + 0.032 * s.lag(requests, 300) + 3.0 * collector
    latency = 9 + 14 * s.lag(cpu, 15) / (110 - cpu) + 1.1 * collector
    inlet = 22 + 0.25 * day + 0.2 * s.wander(5400) + 0.6 * room
    fan_speed = 2300 + 38 * s.lag(cpu, 60) + 140 * thermostat
    power = 95 + 2.6 * cpu + 22 * (fan_speed / 5000) ** 3
    temperature = inlet + 5 + 0.19 * s.lag(power, 70) - 1.5 * s.lag(thermostat, 25)
    return requests, cpu, memory, latency, power, temperature, fan_speed, inlet


def meter(s: Signals) -> tuple[Column, ...]:
    """A building's electricity meter: occupants, a compressor that cycles, a grid that sags and sways."""
    load, day = s.lag(s.duty(), 40), s.day()
    compressor, lifts, grid, sway, oil = (s.hunting(p) for p in (280, 170, 210, 130, 340))
    demand = 56 + 38 * load + 4 * day + 6 * compressor + 3.5 * lifts  # kW
    reactive = 2 + 0.38 * s.lag(demand, 15) + 2.6 * compressor
    apparent = np.hypot(demand, reactive)
    voltage = 234 - 0.045 * apparent + 0.9 * grid + 0.3 * s.wander(3600)
    current = 1000 * apparent / (3 * voltage)
    power = demand * (voltage / 231) ** 0.4  # part of the load draws more when the voltage is higher
    frequency = 50 + 0.014 * sway + 0.006 * s.wander(900)
    temperature = 30 + 1.2 * day + 0.3 * s.lag(apparent, 600) + 1.6 * oil
    return voltage, current, power, reactive, demand / apparent, frequency, temperature


# Standby is a level like the others and is visited as often: a pump in recirculation, a fan at minimum speed.
STAGED = ((0.0, 0.6, 0.3, 0.1), (0.35, 0.0, 0.45, 0.2), (0.2, 0.3, 0.0, 0.5), (0.15, 0.3, 0.55, 0.0))
TIDAL = ((0.0, 0.7, 0.3), (0.5, 0.0, 0.5), (0.3, 0.7, 0.0))

CLASSES: dict[str, DeviceClass] = {
    kind.name: kind
    for kind in (
        DeviceClass(
            "pump",
            5.0,
            (
                SensorSpec("speed", "rpm", 0, 2200, 199, 3),
                SensorSpec("flow", "m3/h", 0, 200, 17.2, 4),
                SensorSpec("pressure", "bar", 0, 12, 1, 5),
                SensorSpec("suction_pressure", "bar", 0.7, 2.4, 0.113, 6),
                SensorSpec("power", "kW", 0, 50, 4.8, 5),
                SensorSpec("bearing_temperature", "°C", 5, 80, 4.33, 4),
                SensorSpec("vibration", "mm/s", 0, 6, 0.395, 6),
            ),
            "speed",
            Regimes((0.0, 0.45, 0.75, 1.0), STAGED, dwell_s=420, shortest_s=150, ramp_s=75),
            pump,
        ),
        DeviceClass(
            "fan",
            5.0,
            (
                SensorSpec("speed", "rpm", 0, 1500, 149, 3),
                SensorSpec("airflow", "m3/s", 0, 17, 1.57, 5),
                SensorSpec("duct_pressure", "Pa", -100, 1250, 119, 3),
                SensorSpec("power", "kW", 0, 22, 2.23, 5),
                SensorSpec("motor_temperature", "°C", 10, 85, 5.6, 4),
                SensorSpec("supply_temperature", "°C", 15, 28, 0.75, 5),
                SensorSpec("vibration", "mm/s", 0, 6, 0.422, 6),
            ),
            "speed",
            Regimes((0.0, 0.4, 0.7, 1.0), STAGED, dwell_s=420, shortest_s=150, ramp_s=75),
            fan,
        ),
        DeviceClass(
            "server",
            10.0,
            (
                SensorSpec("request_rate", "1/s", 0, 1800, 190, 3),
                SensorSpec("cpu", "%", 0, 100, 9, 4),
                SensorSpec("memory", "%", 0, 100, 5.5, 4),
                SensorSpec("latency", "ms", 0, 50, 3.3, 5),
                SensorSpec("power", "W", 0, 400, 25.7, 4),
                SensorSpec("cpu_temperature", "°C", 25, 100, 4.54, 4),
                SensorSpec("fan_speed", "rpm", 1500, 7000, 331, 3),
                SensorSpec("inlet_temperature", "°C", 17, 27, 0.59, 5),
            ),
            "request_rate",
            Regimes((0.0, 0.5, 1.0), TIDAL, dwell_s=900, shortest_s=360, ramp_s=180),
            server,
        ),
        DeviceClass(
            "meter",
            10.0,
            (
                SensorSpec("voltage", "V", 221, 240, 1.16, 4),
                SensorSpec("current", "A", 0, 250, 24.8, 4),
                SensorSpec("power", "kW", 0, 165, 15.4, 4),
                SensorSpec("reactive_power", "kvar", 0, 75, 6.95, 5),
                SensorSpec("power_factor", "", 0.83, 1, 0.0098, 7),
                SensorSpec("frequency", "Hz", 49.88, 50.12, 0.0137, 6),
                SensorSpec("transformer_temperature", "°C", 15, 90, 3.96, 4),
            ),
            "power",
            Regimes((0.0, 0.5, 1.0), TIDAL, dwell_s=900, shortest_s=360, ramp_s=180),
            meter,
        ),
    )
}
