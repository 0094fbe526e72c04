"""Names of places, and the words that streets end in."""

from __future__ import annotations

from typing import Final

STREET: Final = (
    "street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|terrace|circle|cir|"
    "highway|hwy|parkway|pkwy|square|sq|crescent|close|alley|trail|row|mews|gardens|grove|hill|loop|plaza"
)

STATES: Final = (
    "alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|hawaii|idaho|illinois|"
    "indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|"
    "missouri|"
    "montana|nebraska|nevada|new hampshire|new jersey|new mexico|new york|north carolina|north dakota|ohio|"
    "oklahoma|oregon|pennsylvania|rhode island|south carolina|south dakota|tennessee|texas|utah|vermont|"
    "washington|west virginia|wisconsin|wyoming|ontario|quebec|british columbia|alberta|manitoba|nova scotia|"
    "saskatchewan|new south wales|queensland|bavaria|catalonia"
)

CITIES: Final = (
    "albuquerque|amsterdam|atlanta|auckland|baltimore|bangalore|bangkok|barcelona|basel|beijing|belfast|"
    "berlin|"
    "bern|birmingham|boise|boston|brisbane|bristol|brooklyn|brussels|bucharest|budapest|buenos aires|cairo|"
    "calgary|"
    "cape town|cardiff|chennai|chicago|cincinnati|cleveland|cologne|columbus|copenhagen|dallas|delhi|denver|"
    "detroit|dubai|dublin|edinburgh|edmonton|fort worth|frankfurt|fresno|geneva|glasgow|hamburg|hanoi|"
    "helsinki|"
    "hong kong|honolulu|houston|hyderabad|indianapolis|istanbul|jacksonville|jakarta|johannesburg|"
    "kansas city|"
    "karachi|kyoto|lagos|las vegas|leeds|lima|lisbon|liverpool|london|los angeles|louisville|lyon|madrid|"
    "manchester|"
    "manila|marseille|melbourne|memphis|mexico city|miami|milan|milwaukee|minneapolis|montreal|moscow|"
    "mumbai|munich|"
    "nairobi|naples|nashville|new delhi|new orleans|newark|nottingham|oakland|oklahoma city|omaha|orlando|"
    "osaka|oslo|"
    "ottawa|palo alto|perth|philadelphia|phoenix|pittsburgh|portland|porto|prague|raleigh|richmond|"
    "rio de janeiro|"
    "rome|rotterdam|sacramento|salt lake city|san antonio|san diego|san francisco|san jose|santiago|"
    "sao paulo|"
    "scottsdale|seattle|seoul|seville|shanghai|sheffield|singapore|spokane|springfield|st louis|stockholm|"
    "stuttgart|"
    "sydney|taipei|tampa|tel aviv|tokyo|toronto|tucson|tulsa|turin|valencia|vancouver|venice|vienna|warsaw|"
    "wellington|winnipeg|zurich|bellevue|boulder|evanston|queens|bronx|manhattan|staten island"
)

COUNTRIES: Final = (
    "afghanistan|argentina|australia|austria|bangladesh|belgium|bolivia|brazil|bulgaria|cambodia|cameroon|"
    "canada|"
    "chile|china|colombia|costa rica|croatia|cuba|denmark|dominican republic|ecuador|egypt|england|estonia|"
    "ethiopia|finland|france|germany|ghana|greece|guatemala|haiti|honduras|hungary|iceland|india|indonesia|"
    "iran|"
    "iraq|ireland|israel|italy|jamaica|japan|kenya|lebanon|malaysia|mexico|morocco|nepal|netherlands|"
    "new zealand|"
    "nicaragua|nigeria|norway|pakistan|panama|peru|philippines|poland|portugal|romania|russia|saudi arabia|"
    "scotland|senegal|serbia|singapore|slovakia|slovenia|somalia|south africa|south korea|spain|sri lanka|"
    "sudan|sweden|switzerland|syria|taiwan|tanzania|thailand|tunisia|uganda|ukraine|united kingdom|"
    "united states|uruguay|venezuela|vietnam|wales|zambia|zimbabwe"
)
