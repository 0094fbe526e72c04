"""Names that people have, words that are none, and titles."""

from __future__ import annotations

from typing import Final

from .lines import word_set

FIRST_NAMES: Final = word_set(
    """
    aaliyah aaron abdul abel abigail ada adaeze adam addison adela adele adrian adriana agnes ahmed aidan
    aiden aileen aisha akira alan alana albert alberta alec alejandro aleksandra alessandro alessia alex
    alexander alexandra alexis alfonso alfred ali alice alicia alina alison allison alma alondra althea
    alvin alyssa amanda amara amber amelia amina amir amy ana anastasia andre andrea andreas andrew angela
    angelica anika anil anita anjali ann anna anne annette annie annika anthony antoine anton antonio anya
    arabella archie ariana ariel arjun arlene armando arnold arthur asha ashley astrid audrey augusta
    aurora ava ayesha barbara bartholomew beatrice beatrix beatriz belinda bella ben benedict benjamin
    bernadette bernard bernice bertha beth bethany betty beverly bianca blanca bob bobby bonnie boris brad
    bradley brandon brenda brendan brent brian bridget brittany brooke bruce bruno bryan byron caitlin
    caleb callum calvin cameron camila camille candace carl carla carlos carlton carmela carmen carol
    caroline carolyn carrie casper cassandra catherine cathy cecil cecilia cedric celeste celia chandra
    chantal charlene charles chelsea chen cheryl chiara chloe chris christian christina christine
    christopher cindy claire clara clarence clarissa clark claude claudia clifford clive colin connor
    conrad constance cora cornelius courtney craig cristina crystal curtis cynthia daisuke damian damien
    dan daniel daniela danielle danny daphne darius darlene darrell darren daryl dave david deborah debra
    deepak deirdre delia della delores denise dennis derek desmond devin dexter diana diane diego dina
    dmitri dolores dominic dominique donald donna dora doreen doris dorothy doug douglas duncan dwayne
    dwight dylan ebony edgar edith edmund edna eduardo edward edwin effie eileen elaine eleanor elena eli
    elias elijah elizabeth ella ellen elliot eloise elsa elsie elvira emil emilia emilio emily emma
    emmanuel enrique eric erica erik erin ernesto esme esmeralda esteban estelle esther ethan eugene
    eunice eva evan evelyn ezra fabian faisal farah fatima felipe felix fergus fernanda fernando finn
    fiona florian frances francesca francisco frank franz fred frederick freya frieda gabriel gabriela
    gabrielle gail galina gareth gary gavin genevieve geoffrey george gerald gerard gerardo gilbert gina
    giorgio giovanni giulia gladys gloria gordon graciela graham greg gregory greta guillermo gunther
    gustav gustavo gwen hakim hamza hana hannah hans harold harriet harry harvey hassan hazel heather
    hector heidi helen helga henrietta henrik henry herbert hilda hiroshi holly horace howard hubert hugo
    ian ibrahim ignacio ignatius igor ike ilse imani imogen indira ines inga ingrid iqbal irene irina irma
    isaac isabel isabella isaiah isla ismael ivan ivana jack jacob jacqueline jacques jada jaime jake
    jamal james jamie jamila jane janet janice jared jasmine jason javier javon jayden jean jeanette
    jeanne jeff jeffrey jenna jennie jennifer jenny jeremiah jeremy jermaine jerome jerry jesse jessica
    jill jim jimmy jiro joan joanna joanne joaquin jocelyn jodie joe joel johan johanna johannes john
    johnny jolene jonathan jorge jose josef josefina joseph josephine joshua josie joyce juan juana
    juanita judith judy julia julian julie julio jun justin jürgen kaitlyn kareem karen karim karin karina
    karl karthik kate katherine kathleen kathryn kathy katie kayla keiko keith kelly kelsey kelvin ken
    kendra kenji kenneth kenya keshia kevin khadija khalid kim kimberly kirk kirsten klaus kofi konstantin
    krishna kristen kristin kristina kumar kurt kwame kyle lakshmi lamar lamont lana lara larry latisha
    latoya laura lauren laurie lavinia lawrence leah leandro leif leila lena leo leon leonard leonardo
    leonor leopold leroy leslie leticia liam lillian linda lindsay lionel lisa lizzie lloyd lois lola
    lorenzo lori lorna lorraine lottie louis louisa louise lucas lucia lucille lucy ludwig luis lukas luke
    luther lydia lynn mabel mackenzie madeleine madeline magdalena mahmoud malcolm malik malika mandy
    manuel marcel marcella marcia marco marcus margaret margarita margot maria mariam mariana marianne
    maribel marie marilyn marina mario marisol marissa marjorie marla marlene marlon marsha marta martha
    martin martina marvin mary mateo mathew mathilda matilda matthew mattie maud maureen maurice mauricio
    mavis maxine maya meera megan mehmet mei melanie melinda melissa mercedes meredith mia michael michele
    michelle miguel mike mildred millicent milton min ming mira miranda miriam mitchell mohamed mohammad
    mohammed moira monica monique morgan moses muhammad mustafa myra nadia nadine nancy naoko naomi nasser
    natalia natalie natasha nathan nathaniel ned neil nelson nestor ngozi nicholas nick nicole nigel
    nikhil nikita nikolai nina nita noah noelle noemi noor nora norbert norma norman octavia odette oleg
    olga oliver olivia olu omar omari ophelia orlando orville oscar osman otis otto pablo pamela pascal
    patricia patrick paul paula paulette paulina pedro peggy penelope percy peter petra petros phil philip
    philippa phillip phyllis pierre pilar polly pradeep preeti priscilla priya quentin rachel rafael rahul
    raj rajesh ralph ramon ramona randy raquel raul ravi raymond rebecca regina reginald reiko renee
    rhonda rhys ricardo richard rick ricky rita robert roberta roberto robin rocco roderick rodney rodrigo
    roger rohan roland roman romeo ron ronald rosa rosalie rosalind rosario rosemary ross roxana roxanne
    roy ruben rudolf rudy rupert russell ruth ryan sabrina sadie sakura sally salma salvador sam samantha
    samir samuel sandra sanjana sanjay santiago sara sarah sasha saul scott sean sebastian selena selma
    serena sergei sergio seth shanice shannon sharon shaun shawn sheila sheldon shelley sherman sherry
    shirin shirley shreya sidney sienna sigrid silvia simon simone siobhan sofia sofie sonia sonja sophia
    sophie soren stacy stanislav stanley stefan stefania stella stephanie stephen steve steven stuart sue
    sunil sunita susan suzanne sven svetlana sybil sylvia tabitha takeshi tamara tamika tammy tanisha
    tanya tara tariq tatiana tatyana ted teresa terrence terry thelma theo theodore theresa thomas thora
    tiffany tim timothy tina tobias todd tom tomas tomasz tommy tony toshiro tracy travis trent trevor
    tricia trisha trudy tyler tyrone ulrich uma ursula valentina valeria valerie vanessa vera vernon
    veronica vicente vicki vijay vikki vikram vincent viola virginia vito vivian vivienne vladimir wallace
    walter wanda warren wayne wei wendy wesley wilbur wilfred wilhelm wilhelmina willa willard william
    wilma winifred winston wolfgang xavier ximena xiomara yasmin yasmine yesenia yoko yolanda yosef yuki
    yuri yusuf yvette yvonne zach zachary zainab zara zelda zeynep zhang zoe zora
    """
)
"""Lower case. Names that are common words (Will, Mark, Grace, May) are not here: words beside them tell."""

WORDS_TOO: Final = word_set(
    """
    amber aurora austin bella brooke carrie celeste charlene charlotte chelsea chen clark constance
    crystal curtis dan dexter florence frank gail gene hazel holly jack jasmine jean jerry jimmy jordan
    joy jun kelly kenya kim mercedes min ming morgan moses nelson noor orlando oscar paris percy pilar
    polly rick robin rocco roger roman romeo ross roxana ruth sam santiago scott sidney sienna stacy
    stella sue sydney ted terry tom tony trent victoria viola virginia wallace warren
    """
)
"""Of the first names, those that also are words or places: alone in lower case they prove nothing."""

WORDS_FIRST: Final = word_set(
    """
    april art august autumn bill brook buddy carter chad chance chase chip cliff daisy dawn drew earl ernest
    faith fern forest gene glen grace grant heath hope hunter iris ivy jade jasper joy june lance mark mason
    max may melody mercy miles nick olive page pat penny pierce rich rob rose rusty sandy sky stew summer ty
    violet wade ward will
    """
)
"""Names that are common words first: only where somebody is spoken to by them."""

COMMON: Final = word_set(
    """
    a able about above absolutely access account actually after afternoon again agent ago ahead alive all
    almost already alright also always am amazing an and another any anybody anymore anyone anything anyway
    apologies apparently appointment appreciate are aren't around as ask asking assistant at available
    awesome away awful back bad balance bank be because been before behind being best better between big
    bill billing booking both bother broken busy but by bye call called caller calling can can't cancel
    cancelling certain certainly change changing check checking clear clinic close closed cold come coming
    comfortable company complete concerned confirm confirming confused connected cool correct could couldn't
    course curious currently customer day days deaf dear definitely did didn't different disappointed do
    does doesn't doing done don't down driving due during each early either else email emergency ended
    english enough even evening ever every everyone everything exactly excellent excited excuse expecting
    fair family far fine finally finished first follow following for free friday from front frustrated full
    fully further game getting give glad go going gonna good goodbye got gotta great guess had half happy
    hard has have haven't having he hear heard hello help helping her here hey hi high him his hold holding
    home hoping hot hour how however hungry i i'd i'll i'm i've if ill important in incorrect inquiring
    inside instead interested into is isn't issue it it's its job just kind know last late later least
    leaving left less let like likely line literally little live living locked long look looking lost lot
    lovely low lunch ma'am made main make making manager many married may maybe me mean meaning members
    might mind mine minute missing moment monday month more morning most moving much must my myself name
    necessary need never new next nice night no nobody none nope normal not nothing now number of off office
    often oh ok okay old on once one online only open option or order other our out outside over own paid
    parked part particular patient pay paying perfect perhaps phone place please pleased pleasure pm
    possible pretty probably problem put question quick quite reach reaching ready real really reason
    reception regarding registered related respect returning right running sad safe said sales same saturday
    save say saying scheduled second see seeing seems send sending service set several she should showing
    sick side since single sir sitting slow small so some somebody someone something sometimes somewhere
    soon sorry speaking speak standing start still stop stuck such sunday super support sure surprised
    system taking talk talking team tell than thank thanks that that's the their them then there there's
    these they thing things think this those though through thursday till time tired to today together
    tomorrow tonight too totally transferring trouble true try trying tuesday two under understand unable
    unfortunately until unsure up upset us used using usually very view waiting walking want wanted wanting
    was wasn't way we wednesday week welcome well went were weren't what what's when where whether which
    while who who's whole whom why will willing with within without wonderful wondering work working worried
    worries would wouldn't writing wrong yeah year yep yes yesterday yet you you're your yours yourself mr
    mrs ms miss dr doctor professor sir madam three four five six seven eight nine ten zero uh um er hmm mhm
    january february march april june july august september october november december spelled spelling spell
    spells as it'll card reservation table room person people party booked under client member employee
    student teacher nurse lawyer driver bot recording virtual automated ai robot beautiful based calls both
    interested double triple dot dash underscore surname dollars euros pounds
    """
)
"""Words that follow "I'm", "this is" or "name is" and are no names."""

COMPANY: Final = word_set(
    """
    airlines airways auto bakery bank bistro cafe care center centre clinic company corp corporation credit
    dental department desk dining energy express financial fitness foods group gym health healthcare help
    helpdesk hospital hotel hotels inc insurance kitchen law legal line llc logistics ltd medical mobile
    motors office pharmacy pizzeria pizza plumbing property realty rentals reservations restaurant sales
    salon school service services shop solutions spa store studio support systems team telecom travel trust
    university utilities wellness automated virtual
    """
)
"""Words behind a name that make it a company's."""

TITLES: Final = word_set("mr mrs ms miss mister missus sir madam mx")
MEDICAL_TITLES: Final = word_set("dr doctor nurse surgeon therapist dentist")
