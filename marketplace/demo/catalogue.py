"""What the demo's publishers list: their words, and how their releases are made from the public data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from marketplace.demo import sources
from publishers.models import Frequency, Region

Row = dict[str, str]
Release = tuple[str, dict[str, bytes]]  # (comment, {file name: content})

CC0_TERMS = """## Open data terms

The data is in the public domain (Creative Commons CC0 1.0). You may copy, change, distribute and use it, also
commercially, without asking. It comes without any warranty.

Please name the source when you publish results; it helps the next reader."""
PUBLIC_TERMS = """## Public data terms

The data comes from public records of the United States and from open teaching collections. You may use, copy and
redistribute it, also commercially. It comes as it is, without any warranty of correctness or fitness.

Name the source that the product page gives when you publish results."""

#: what the two texts allow; what they do not speak of is not said on the page either
RIGHTS: dict[str, dict[str, bool]] = {
    CC0_TERMS: dict.fromkeys(("commercial_use", "derived_works", "model_training", "redistribution", "resale"), True),
    PUBLIC_TERMS: {"commercial_use": True, "redistribution": True},
}
#: the publisher's word for how often data comes -> what the catalogue filters by
FREQUENCIES = {
    "Quarterly": Frequency.QUARTERLY,
    "Yearly": Frequency.YEARLY,
    "On change": Frequency.IRREGULAR,
    "Complete": Frequency.ONCE,
}


@dataclass(frozen=True)
class DemoProduct:
    """One product with one data set and its releases, oldest first."""

    name: str
    short: str
    category: str
    description: str
    frequency: str
    coverage: str
    licence: str
    source_url: str
    terms: str
    dictionary: list[tuple[str, str, str]]
    releases: Callable[[Path], Iterable[Release]]

    @property
    def region(self) -> Region:
        """Return the part of the world that the coverage names."""
        return Region.NORTH_AMERICA if self.coverage.startswith("United States") else Region.EUROPE


@dataclass(frozen=True)
class DemoPublisher:
    """One publishing organization."""

    name: str
    about: str
    email: str
    products: list[DemoProduct] = field(default_factory=list)


def _flights(_: Path) -> Iterable[Release]:
    text = sources.flights().decode()
    for quarter, content in sources.by_quarter(text):
        yield f"Departures of {quarter.upper()} 2013", {f"flights-2013-{quarter}.csv": content}


def _airport_weather(_: Path) -> Iterable[Release]:
    for quarter, content in sources.by_quarter(sources.flights13("weather.csv")):
        yield f"Hourly readings of {quarter.upper()} 2013", {f"weather-2013-{quarter}.csv": content}


def _aviation_reference(_: Path) -> Iterable[Release]:
    files = {name: sources.flights13(name).encode() for name in ("airlines.csv", "airports.csv", "planes.csv")}
    yield "Airlines and airports", {name: files[name] for name in ("airlines.csv", "airports.csv")}
    yield "Aircraft registry added", files


def _by_year(name: str, column: str, years: range, file: str) -> Callable[[Path], Iterable[Release]]:
    def releases(_: Path) -> Iterable[Release]:
        text = sources.vega(name)
        for year in years:
            yield (
                f"Year {year}",
                {f"{file}-{year}.csv": sources.rows_where(text, partial(_mentions, column, str(year)))},
            )

    return releases


def _mentions(column: str, word: str, row: Row) -> bool:
    return word in row[column]


def _up_to(last: int, row: Row) -> bool:
    return int(row["year"][:4]) <= last


def _temperatures(directory: Path) -> Iterable[Release]:
    seattle = sources.vega("seattle-temps.csv").encode()
    francisco = sources.vega("sf-temps.csv").encode()
    yield "Seattle, hourly normals", {"seattle-temps.csv": seattle}
    yield "San Francisco added", {"seattle-temps.csv": seattle, "sf-temps.csv": francisco}
    yield (
        "Parquet beside CSV",
        {
            "seattle-temps.csv": seattle,
            "sf-temps.csv": francisco,
            "seattle-temps.parquet": sources.csv_to_parquet(seattle, directory),
            "sf-temps.parquet": sources.csv_to_parquet(francisco, directory),
        },
    )


def _electricity(directory: Path) -> Iterable[Release]:
    text = sources.vega("iowa-electricity.csv")
    for last in (2007, 2012, 2017):
        content = sources.rows_where(text, partial(_up_to, last))
        yield (
            f"Net generation 2001 to {last}",
            {"iowa-electricity.csv": content, "iowa-electricity.parquet": sources.csv_to_parquet(content, directory)},
        )


def _barley(_: Path) -> Iterable[Release]:
    text = sources.json_to_csv(sources.vega("barley.json"))
    for year in (1931, 1932):
        yield (
            f"Harvest of {year}",
            {f"barley-{year}.csv": sources.rows_where(text, partial(_mentions, "year", str(year)))},
        )


def _wheat(_: Path) -> Iterable[Release]:
    text = sources.json_to_csv(sources.vega("wheat.json"), needs="wages")
    for last in (1700, 1800, 1810):
        yield f"1565 to {last}", {"wheat-and-wages.csv": sources.rows_where(text, partial(_up_to, last))}


PUBLISHERS = [
    DemoPublisher(
        name="Tristate Aviation Desk",
        about="Departures, delays and airport weather of the New York region, prepared for analysis.",
        email="aviation@demo.entrepot.example",
        products=[
            DemoProduct(
                name="New York departures by quarter",
                short="Every flight that left JFK, LaGuardia or Newark in 2013, with delays, carrier, tail number and distance.",
                category="Mobility",
                description="""All **336,776 departures** from the three New York airports in 2013, as the carriers reported them to the
Bureau of Transportation Statistics. One file a quarter, so that each release is a new period and never a rewrite.

### What teams use it for

- Model delays against weather: joins with *New York airport weather* on `origin` and `time_hour`.
- Compare carriers and routes by punctuality, season and hour.
- Teach joins and time series on data that is real, large enough, and clean.

Times are local; delays are minutes, early departures negative. `NA` marks a cancelled flight.""",
                frequency="Quarterly",
                coverage="United States, New York City",
                licence="CC0 1.0",
                source_url="https://www.transtats.bts.gov/",
                terms=CC0_TERMS,
                dictionary=[
                    ("year", "integer", "Year of departure"),
                    ("month", "integer", "Month of departure"),
                    ("day", "integer", "Day of departure"),
                    ("dep_time", "integer", "Actual departure, local time, HHMM; NA when cancelled"),
                    ("sched_dep_time", "integer", "Scheduled departure, local time, HHMM"),
                    ("dep_delay", "integer", "Departure delay in minutes, negative when early"),
                    ("arr_time", "integer", "Actual arrival, local time, HHMM"),
                    ("sched_arr_time", "integer", "Scheduled arrival, local time, HHMM"),
                    ("arr_delay", "integer", "Arrival delay in minutes, negative when early"),
                    ("carrier", "string", "Two-letter code of the airline"),
                    ("flight", "integer", "Flight number"),
                    ("tailnum", "string", "Registration of the aircraft"),
                    ("origin", "string", "IATA code of the airport of departure: EWR, JFK or LGA"),
                    ("dest", "string", "IATA code of the airport of arrival"),
                    ("air_time", "integer", "Minutes in the air"),
                    ("distance", "integer", "Miles between the airports"),
                    ("hour", "integer", "Hour of the scheduled departure"),
                    ("minute", "integer", "Minute of the scheduled departure"),
                    ("time_hour", "timestamp", "Hour of the scheduled departure in UTC, joins with weather"),
                ],
                releases=_flights,
            ),
            DemoProduct(
                name="New York airport weather",
                short="Hourly temperature, wind, pressure and visibility at JFK, LaGuardia and Newark through 2013.",
                category="Weather",
                description="""Hourly readings of the automated stations at the three New York airports, 26,115 in all, to be joined
with departures on `origin` and `time_hour`.

### Units

Temperature and dew point in °F, wind in miles an hour, precipitation in inches, pressure in millibars, visibility in miles.""",
                frequency="Quarterly",
                coverage="United States, New York City",
                licence="CC0 1.0",
                source_url="https://mesonet.agron.iastate.edu/request/download.phtml",
                terms=CC0_TERMS,
                dictionary=[
                    ("origin", "string", "IATA code of the airport of the station"),
                    ("year", "integer", "Year of the reading, local time"),
                    ("month", "integer", "Month of the reading"),
                    ("day", "integer", "Day of the reading"),
                    ("hour", "integer", "Hour of the reading"),
                    ("temp", "double", "Temperature, °F"),
                    ("dewp", "double", "Dew point, °F"),
                    ("humid", "double", "Relative humidity, percent"),
                    ("wind_dir", "integer", "Wind direction, degrees"),
                    ("wind_speed", "double", "Wind, miles an hour"),
                    ("wind_gust", "double", "Gusts, miles an hour"),
                    ("precip", "double", "Precipitation, inches"),
                    ("pressure", "double", "Sea-level pressure, millibars"),
                    ("visib", "double", "Visibility, miles"),
                    ("time_hour", "timestamp", "Hour of the reading in UTC"),
                ],
                releases=_airport_weather,
            ),
            DemoProduct(
                name="Airlines, airports and aircraft",
                short="Reference tables for flight data: 16 carriers, 1,458 airports with coordinates, 3,322 aircraft.",
                category="Location",
                description="""Three tables that turn codes into names and places: carriers, airports with coordinates and time
zones, and aircraft by registration with maker, model, seats and engines.""",
                frequency="On change",
                coverage="United States",
                licence="CC0 1.0",
                source_url="https://openflights.org/data.html",
                terms=CC0_TERMS,
                dictionary=[
                    ("carrier", "string", "Two-letter code of the airline"),
                    ("name", "string", "Name of the airline or the airport"),
                    ("faa", "string", "FAA code of the airport"),
                    ("lat", "double", "Latitude of the airport, degrees"),
                    ("lon", "double", "Longitude of the airport, degrees"),
                    ("alt", "integer", "Altitude of the airport, feet"),
                    ("tz", "integer", "Hours from UTC"),
                    ("dst", "string", "Daylight saving: A as in the United States, U unknown, N none"),
                    ("tzone", "string", "IANA name of the time zone"),
                    ("tailnum", "string", "Registration of the aircraft"),
                    ("year", "integer", "Year in which the aircraft was built"),
                    ("type", "string", "Kind of aircraft"),
                    ("manufacturer", "string", "Who built it"),
                    ("model", "string", "Model of the aircraft"),
                    ("engines", "integer", "Number of engines"),
                    ("seats", "integer", "Number of seats"),
                    ("speed", "integer", "Cruising speed, miles an hour; mostly unknown"),
                    ("engine", "string", "Kind of engine"),
                ],
                releases=_aviation_reference,
            ),
        ],
    ),
    DemoPublisher(
        name="Cascadia Weather Records",
        about="Daily and hourly records of the Pacific coast, from public stations.",
        email="weather@demo.entrepot.example",
        products=[
            DemoProduct(
                name="Seattle daily weather",
                short="Precipitation, temperature, wind and a word for the day, for every day from 2012 to 2015.",
                category="Weather",
                description="""1,461 days of Seattle weather from the station at the airport. Small enough to read whole, long enough to
show seasons, and a classic for learning charts.""",
                frequency="Yearly",
                coverage="United States, Seattle",
                licence="Public domain (NOAA)",
                source_url="https://www.ncdc.noaa.gov/cdo-web/datatools/records",
                terms=PUBLIC_TERMS,
                dictionary=[
                    ("date", "date", "The day"),
                    ("precipitation", "double", "Precipitation, millimetres"),
                    ("temp_max", "double", "Highest temperature, °C"),
                    ("temp_min", "double", "Lowest temperature, °C"),
                    ("wind", "double", "Average wind, metres a second"),
                    ("weather", "string", "sun, rain, drizzle, fog or snow"),
                ],
                releases=_by_year("seattle-weather.csv", "date", range(2012, 2016), "seattle-weather"),
            ),
            DemoProduct(
                name="Pacific coast hourly temperatures",
                short="Hourly temperatures of Seattle and San Francisco over a whole year, as CSV and Parquet.",
                category="Climate",
                description="""Two cities, 8,759 hours each: what a normal year looks like on the Pacific coast. Use it for heating and
cooling demand, comfort hours, or as a calm baseline to compare your own readings with.""",
                frequency="On change",
                coverage="United States, Pacific coast",
                licence="Public domain (NOAA)",
                source_url="https://www.ncei.noaa.gov/products/land-based-station/us-climate-normals",
                terms=PUBLIC_TERMS,
                dictionary=[
                    ("date", "timestamp", "The hour, local time"),
                    ("temp", "double", "Temperature, °F"),
                ],
                releases=_temperatures,
            ),
        ],
    ),
    DemoPublisher(
        name="Ledger Street Markets",
        about="Prices and jobs: long series of the United States economy.",
        email="markets@demo.entrepot.example",
        products=[
            DemoProduct(
                name="Technology share prices 2000 to 2010",
                short="Monthly closing prices of five technology companies through a decade with two crashes.",
                category="Finance",
                description="""Monthly closing prices of Microsoft, Amazon, IBM, Google and Apple. One release a year, the way a price
file grows in real life.""",
                frequency="Yearly",
                coverage="United States",
                licence="Open teaching collection",
                source_url="https://github.com/vega/vega-datasets",
                terms=PUBLIC_TERMS,
                dictionary=[
                    ("symbol", "string", "Ticker of the company"),
                    ("date", "date", "First day of the month"),
                    ("price", "double", "Closing price, US dollars"),
                ],
                releases=_by_year("stocks.csv", "date", range(2000, 2011), "tech-prices"),
            ),
            DemoProduct(
                name="United States employment by sector",
                short="Monthly non-farm employment in 24 sectors, in thousands, from 2006 to 2015.",
                category="Economy",
                description="""Payroll employment by sector and month, seasonally adjusted, as the Bureau of Labor Statistics publishes it.
It holds the whole of the 2008 recession and the recovery from it.""",
                frequency="Yearly",
                coverage="United States",
                licence="Public domain (BLS)",
                source_url="https://www.bls.gov/ces/",
                terms=PUBLIC_TERMS,
                dictionary=[
                    ("month", "date", "First day of the month"),
                    ("nonfarm", "double", "All non-farm jobs, thousands"),
                    ("private", "double", "Jobs of private employers, thousands"),
                    ("goods_producing", "double", "Jobs in goods-producing industries, thousands"),
                    ("service_providing", "double", "Jobs in service-providing industries, thousands"),
                    ("private_service_providing", "double", "Jobs in private service-providing industries, thousands"),
                    ("mining_and_logging", "double", "Jobs in mining and logging, thousands"),
                    ("construction", "double", "Jobs in construction, thousands"),
                    ("manufacturing", "double", "Jobs in manufacturing, thousands"),
                    ("durable_goods", "double", "Jobs in the manufacture of durable goods, thousands"),
                    ("nondurable_goods", "double", "Jobs in the manufacture of non-durable goods, thousands"),
                    (
                        "trade_transportation_utilties",
                        "double",
                        "Jobs in trade, transport and utilities (spelled as in the source), thousands",
                    ),
                    ("wholesale_trade", "double", "Jobs in wholesale trade, thousands"),
                    ("retail_trade", "double", "Jobs in retail trade, thousands"),
                    ("transportation_and_warehousing", "double", "Jobs in transport and warehousing, thousands"),
                    ("utilities", "double", "Jobs in utilities, thousands"),
                    ("information", "double", "Jobs in information, thousands"),
                    ("financial_activities", "double", "Jobs in finance, thousands"),
                    (
                        "professional_and_business_services",
                        "double",
                        "Jobs in professional and business services, thousands",
                    ),
                    ("education_and_health_services", "double", "Jobs in education and health, thousands"),
                    ("leisure_and_hospitality", "double", "Jobs in leisure and hospitality, thousands"),
                    ("other_services", "double", "Jobs in other services, thousands"),
                    ("government", "double", "Jobs of the government, thousands"),
                    ("nonfarm_change", "double", "Change of all non-farm jobs against the month before, thousands"),
                ],
                releases=_by_year("us-employment.csv", "month", range(2006, 2016), "us-employment"),
            ),
        ],
    ),
    DemoPublisher(
        name="Prairie Field Station",
        about="Energy and agriculture of the plains, then and now.",
        email="prairie@demo.entrepot.example",
        products=[
            DemoProduct(
                name="Iowa electricity by source",
                short="Yearly net generation from fossil fuels, nuclear energy and renewables since 2001.",
                category="Energy",
                description="""How a farm state moved to wind: net generation by source in thousand megawatt hours, as the Energy
Information Administration records it. CSV and Parquet in every release.""",
                frequency="Yearly",
                coverage="United States, Iowa",
                licence="Public domain (EIA)",
                source_url="https://www.eia.gov/electricity/data/browser/",
                terms=PUBLIC_TERMS,
                dictionary=[
                    ("year", "date", "First day of the year"),
                    ("source", "string", "Fossil Fuels, Nuclear Energy or Renewables"),
                    ("net_generation", "integer", "Net generation, thousand megawatt hours"),
                ],
                releases=_electricity,
            ),
            DemoProduct(
                name="Minnesota barley trials",
                short="Yields of ten barley varieties at six sites in 1931 and 1932: the field trial that statistics is taught with.",
                category="Agriculture",
                description="""The yields that Fisher and Cleveland made famous, bushels an acre, by variety and site. Look at Morris: the
years may have been swapped ninety years ago.""",
                frequency="Complete",
                coverage="United States, Minnesota",
                licence="Open teaching collection",
                source_url="https://github.com/vega/vega-datasets",
                terms=PUBLIC_TERMS,
                dictionary=[
                    ("yield", "double", "Bushels an acre"),
                    ("variety", "string", "Variety of barley"),
                    ("year", "integer", "Year of the harvest"),
                    ("site", "string", "Where it grew"),
                ],
                releases=_barley,
            ),
            DemoProduct(
                name="Wheat prices and wages since 1565",
                short="William Playfair's series: the price of wheat against a good mechanic's weekly wage.",
                category="Economy",
                description="""The numbers behind one of the first charts ever drawn, 1821: price of a quarter of wheat and weekly wages, in
shillings, every five years from 1565 to 1810.""",
                frequency="Complete",
                coverage="England",
                licence="Public domain",
                source_url="https://github.com/vega/vega-datasets",
                terms=PUBLIC_TERMS,
                dictionary=[
                    ("year", "integer", "Year"),
                    ("wheat", "double", "Price of a quarter of wheat, shillings"),
                    ("wages", "double", "Weekly wages of a good mechanic, shillings"),
                ],
                releases=_wheat,
            ),
        ],
    ),
]
